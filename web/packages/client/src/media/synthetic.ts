/** A tone and a moving picture for machines without microphone and camera: `?media=test`. */
import type { Capture, Captured } from "./capture";
import type { Kind } from "./peer";

const WIDTH = 640;
const HEIGHT = 480;
const FRAME_MS = 40;
/** Hues of the rooms people sit in. */
const ROOMS = [200, 168, 255, 222, 185, 280, 320, 210, 150, 240, 195, 300, 175];

export class SyntheticCapture implements Capture {
  /** @param hertz the tone; each person has another one, so that a listener can tell them apart */
  constructor(
    private readonly hertz: number,
    private readonly label: string,
  ) {}

  get(kinds: Kind[]): Promise<Captured> {
    const tracks: Captured["tracks"] = {};
    try {
      if (kinds.includes("audio")) tracks.audio = tone(this.hertz);
      if (kinds.includes("video")) tracks.video = picture(this.label, this.hertz);
    } catch {
      // A browser that makes neither is a machine that has neither.
    }
    const problems = kinds.filter((kind) => tracks[kind] === undefined).map((kind) => ({ kind, why: "missing" as const }));
    return Promise.resolve({ tracks, problems });
  }
}

/** A pleasant frequency between 330 and 930 Hz for a name. */
export function hertzOf(name: string): number {
  let sum = 0;
  for (const char of name) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 997;
  return 330 + (sum % 13) * 50;
}

function tone(hertz: number): MediaStreamTrack {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: hertz });
  const volume = new GainNode(context, { gain: 0.2 });
  const out = new MediaStreamAudioDestinationNode(context);
  oscillator.connect(volume).connect(out);
  oscillator.start();
  const track = out.stream.getAudioTracks()[0];
  if (track === undefined) throw new Error("the audio context made no track");
  stopped(track, () => void context.close());
  return track;
}

function picture(label: string, hertz: number): MediaStreamTrack {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const pen = canvas.getContext("2d");
  const track = canvas.captureStream().getVideoTracks()[0];
  if (pen === null || track === undefined) throw new Error("the canvas made no track");
  let count = 0;
  const paint = () => draw(pen, label, hertz, count++);
  paint();
  const timer = setInterval(paint, FRAME_MS);
  stopped(track, () => clearInterval(timer));
  return track;
}

/** Somebody in front of soft lights, swaying a little; the running number shows that the picture moves. */
function draw(pen: CanvasRenderingContext2D, label: string, hertz: number, count: number): void {
  const hue = ROOMS[Math.round(hertz / 50) % ROOMS.length] ?? 200;
  const room = pen.createLinearGradient(0, 0, WIDTH, HEIGHT);
  room.addColorStop(0, `hsl(${hue} 32% 34%)`);
  room.addColorStop(1, `hsl(${hue + 40} 38% 16%)`);
  pen.fillStyle = room;
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  for (let light = 0; light < 7; light += 1) {
    const x = WIDTH * ((light * 0.37 + 0.1) % 1) + 26 * Math.sin(count / 50 + light);
    const y = HEIGHT * ((light * 0.23 + 0.08) % 0.62) + 14 * Math.cos(count / 60 + light);
    disc(pen, x, y, 24 + ((light * 17) % 40), `hsl(${hue + 25 * light} 70% 72% / 16%)`);
  }
  const sway = WIDTH / 2 + 12 * Math.sin(count / 22);
  const skin = `hsl(${24 + (hertz % 9)} 46% ${52 + (hertz % 17)}%)`;
  const shirt = `hsl(${hue + 165} 38% 44%)`;
  pen.fillStyle = skin;
  pen.fillRect(sway - 34, HEIGHT - 220, 68, 90);
  pen.fillStyle = shirt;
  pen.beginPath();
  pen.ellipse(sway - 4, HEIGHT + 40, 190, 190, 0, Math.PI, 2 * Math.PI);
  pen.fill();
  disc(pen, sway, HEIGHT - 265, 82, `hsl(${hue + 20} 24% 14%)`);
  disc(pen, sway, HEIGHT - 248, 72, skin);
  const blink = count % 90 < 4 ? 1 : 7;
  for (const side of [-1, 1]) {
    pen.fillStyle = "#20242a";
    pen.beginPath();
    pen.ellipse(sway + side * 26, HEIGHT - 256, 6, blink, 0, 0, 2 * Math.PI);
    pen.fill();
  }
  pen.strokeStyle = "#7a3b34";
  pen.lineWidth = 5;
  pen.lineCap = "round";
  pen.beginPath();
  pen.arc(sway, HEIGHT - 232, 24, 0.18 * Math.PI, 0.82 * Math.PI);
  pen.stroke();
  pen.fillStyle = "rgb(255 255 255 / 70%)";
  pen.font = "17px system-ui, sans-serif";
  pen.fillText(`${label} · test picture ${count}`, 18, HEIGHT - 18);
}

function disc(pen: CanvasRenderingContext2D, x: number, y: number, radius: number, color: string): void {
  pen.fillStyle = color;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fill();
}

/** Runs `then` when somebody stops the track: a track of our own making fires no event for it. */
function stopped(track: MediaStreamTrack, then: () => void): void {
  const stop = track.stop.bind(track);
  track.stop = () => {
    stop();
    then();
  };
}
