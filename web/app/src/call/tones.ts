/** The sounds of a telephone, made here: no file to load, nothing to license. */
import type { Sound } from "@ringline/client";
import type { Bell, End } from "./bell";
import { onGesture } from "./gesture";

/** What a call can sound like. */
export type Tone = Exclude<Sound, "none">;

/** Times in seconds, volumes from 0 to 1. */
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

// In the ear of somebody who talks: short, and softer than what they hear.
const WAITING: Melody = {
  every: 5,
  notes: [0, 0.28].map((at) => ({ at, hertz: 740, seconds: 0.16, volume: 0.03 })),
};
const MELODIES: Record<Tone, Melody> = { ring: RING, ringback: RINGBACK, waiting: WAITING };

const MESSAGE: Note[] = [
  { at: 0, hertz: 880, seconds: 0.3, volume: 0.05 },
  { at: 0.11, hertz: 1174.7, seconds: 0.3, volume: 0.05 },
];
/** What says that a message came says nothing later than this, in milliseconds. */
const NEWS_MS = 1000;

const nothing: End = () => undefined;

export class Tones {
  private context: AudioContext | undefined;
  private playing: Tone | "none" = "none";
  private stop = nothing;

  constructor(
    private readonly bell: Bell,
    private readonly open: () => AudioContext,
  ) {}

  /** Plays what a state of the call sounds like; the same sound again changes nothing. */
  play(sound: Tone | "none"): void {
    if (sound === this.playing) return;
    this.playing = sound;
    this.stop();
    this.stop = sound === "none" ? nothing : this.loop(sound);
  }

  /** Once, softly: a message came. */
  note(): void {
    const context = this.awake();
    const ending = whileRunning(context, () => {
      for (const note of MESSAGE) strike(context, context.destination, note);
      return nothing;
    });
    setTimeout(ending, NEWS_MS);
  }

  private loop(tone: Tone): End {
    const context = this.awake();
    // Held back until a gesture: the next one lets it sound.
    const waking = onGesture(() => void this.awake());
    const begin = () => repeat(context, MELODIES[tone]);
    // Who is not heard leaves the bell to a page that is. The other sounds belong to this page alone.
    const ending = whileRunning(context, () => (tone === "ring" ? this.bell.take(begin) : begin()));
    return () => {
      waking();
      ending();
    };
  }

  /** The context, asked to run. */
  private awake(): AudioContext {
    const context = (this.context ??= this.open());
    void context.resume().catch(() => undefined);
    return context;
  }
}

/** A context that is held back keeps what it is given and lets it all sound at once, later: so it is given nothing. */
function whileRunning(context: AudioContext, begin: () => End): End {
  let end: End | undefined;
  const follow = () => {
    const runs = context.state === "running";
    if (runs === (end !== undefined)) return;
    end?.();
    end = runs ? begin() : undefined;
  };
  context.addEventListener("statechange", follow);
  follow();
  return () => {
    context.removeEventListener("statechange", follow);
    end?.();
  };
}

function repeat(context: AudioContext, melody: Melody): End {
  const out = context.createGain();
  out.connect(context.destination);
  const once = () => {
    for (const note of melody.notes) strike(context, out, note);
  };
  once();
  const timer = setInterval(once, melody.every * 1000);
  return () => {
    clearInterval(timer);
    out.gain.setTargetAtTime(0, context.currentTime, 0.03);
    setTimeout(() => out.disconnect(), 300);
  };
}

function strike(context: AudioContext, out: AudioNode, note: Note): void {
  const start = context.currentTime + note.at;
  const end = start + note.seconds;
  for (const [overtone, share] of [[1, 1], [2.01, 0.25]] as const) {
    const oscillator = context.createOscillator();
    oscillator.frequency.value = note.hertz * overtone;
    const gain = context.createGain();
    gain.gain.value = 0;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(note.volume * share, start + 0.015);
    gain.gain.exponentialRampToValueAtTime(0.0001, end);
    oscillator.connect(gain).connect(out);
    oscillator.start(start);
    oscillator.stop(end + 0.05);
  }
}
