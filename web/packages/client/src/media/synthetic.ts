/** A tone and a moving picture for machines without microphone and camera: `?media=test`. */
import type { Capture, Captured } from "./capture";
import type { Kind } from "./peer";

const WIDTH = 640;
const HEIGHT = 480;
const FRAME_MS = 40;

export class SyntheticCapture implements Capture {
  /** @param hertz the tone; each person has another one, so that a listener can tell them apart */
  constructor(
    private readonly hertz: number,
    private readonly label: string,
  ) {}

  get(kinds: Kind[]): Promise<Captured> {
    const tracks: Captured["tracks"] = {};
    if (kinds.includes("audio")) tracks.audio = tone(this.hertz);
    if (kinds.includes("video")) tracks.video = picture(this.label, this.hertz);
    return Promise.resolve({ tracks, problems: [] });
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

function draw(pen: CanvasRenderingContext2D, label: string, hertz: number, count: number): void {
  const hue = (hertz * 7) % 360;
  pen.fillStyle = `hsl(${hue} 42% ${24 + 4 * Math.sin(count / 25)}%)`;
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  for (let ring = 0; ring < 5; ring += 1) {
    const radius = ((count * 2 + ring * 70) % 350) + 20;
    pen.strokeStyle = `hsl(${hue + 40} 70% 70% / ${Math.max(0, 0.6 - radius / 600)})`;
    pen.lineWidth = 6;
    pen.beginPath();
    pen.arc(WIDTH / 2, HEIGHT / 2, radius, 0, 2 * Math.PI);
    pen.stroke();
  }
  pen.fillStyle = "white";
  pen.font = "600 44px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.fillText(label, WIDTH / 2, HEIGHT / 2 + 15);
  pen.font = "20px system-ui, sans-serif";
  pen.fillText(`test picture ${count}`, WIDTH / 2, HEIGHT - 40);
}

/** Runs `then` when somebody stops the track: a track of our own making fires no event for it. */
function stopped(track: MediaStreamTrack, then: () => void): void {
  const stop = track.stop.bind(track);
  track.stop = () => {
    stop();
    then();
  };
}
