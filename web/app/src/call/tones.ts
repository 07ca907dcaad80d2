/** The sounds of a telephone, made here: no file to load, nothing to license. */
import type { Sound } from "@ringline/client";
import { onGesture } from "./gesture";

interface Note {
  at: number;
  hertz: number;
  seconds: number;
  volume: number;
}

interface Melody {
  every: number;
  notes: Note[];
}

// Two rising fourths like a small glass bell, then a rest.
const RING: Melody = {
  every: 2.6,
  notes: [0, 0.18, 0.36, 0.9, 1.08, 1.26].map((at, index) => ({
    at,
    hertz: [659.3, 880, 1318.5][index % 3] ?? 880,
    seconds: 0.55,
    volume: 0.16,
  })),
};
const RINGBACK: Melody = {
  every: 3.2,
  notes: [
    { at: 0.1, hertz: 440, seconds: 0.9, volume: 0.035 },
    { at: 0.1, hertz: 554.4, seconds: 0.9, volume: 0.025 },
  ],
};

export class Tones {
  private context: AudioContext | undefined;
  private playing: Sound = "none";
  private stop: () => void = () => undefined;

  /** Plays what a state of the call sounds like; the same sound again changes nothing. */
  play(sound: Sound): void {
    if (sound === this.playing) return;
    this.playing = sound;
    this.stop();
    this.stop = () => undefined;
    if (sound !== "none") this.loop(sound === "ring" ? RING : RINGBACK);
  }

  /** Once, softly: a message came. */
  note(): void {
    const context = (this.context ??= new AudioContext());
    for (const [at, hertz] of [[0, 880], [0.11, 1174.7]] as const) {
      strike(context, context.destination, { at, hertz, seconds: 0.3, volume: 0.05 });
    }
  }

  private loop(melody: Melody): void {
    const context = (this.context ??= new AudioContext());
    const out = new GainNode(context, { gain: 1 });
    out.connect(context.destination);
    // Held back until a gesture: the next one lets it sound.
    const wake = () => void context.resume().catch(() => undefined);
    wake();
    const waking = onGesture(wake);
    const once = () => {
      for (const note of melody.notes) strike(context, out, note);
    };
    once();
    const timer = setInterval(once, melody.every * 1000);
    this.stop = () => {
      clearInterval(timer);
      waking();
      out.gain.setTargetAtTime(0, context.currentTime, 0.03);
      setTimeout(() => out.disconnect(), 300);
    };
  }
}

function strike(context: AudioContext, out: AudioNode, note: Note): void {
  const start = context.currentTime + note.at;
  const end = start + note.seconds;
  for (const [overtone, share] of [[1, 1], [2.01, 0.25]] as const) {
    const oscillator = new OscillatorNode(context, { type: "sine", frequency: note.hertz * overtone });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(note.volume * share, start + 0.015);
    gain.gain.exponentialRampToValueAtTime(0.0001, end);
    oscillator.connect(gain).connect(out);
    oscillator.start(start);
    oscillator.stop(end + 0.05);
  }
}
