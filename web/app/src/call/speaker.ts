/** A few notes on the chosen speaker. */

const NOTES = [523.3, 659.3, 784];
const SECONDS = 0.28;

export function playTest(speaker: string): void {
  const context = new AudioContext();
  const choosing = (context as { setSinkId?(id: string): Promise<void> }).setSinkId?.(speaker);
  // Where a page may not choose, the browser's own speaker sounds.
  void Promise.resolve(choosing)
    .catch(() => undefined)
    .then(() => {
      NOTES.forEach((frequency, index) => {
        const at = context.currentTime + index * SECONDS;
        const gain = new GainNode(context, { gain: 0 });
        gain.gain.setValueAtTime(0, at);
        gain.gain.linearRampToValueAtTime(0.15, at + 0.02);
        gain.gain.exponentialRampToValueAtTime(0.0001, at + SECONDS * 1.6);
        const oscillator = new OscillatorNode(context, { frequency });
        oscillator.connect(gain).connect(context.destination);
        oscillator.start(at);
        oscillator.stop(at + SECONDS * 1.6);
      });
      setTimeout(() => void context.close(), (NOTES.length + 2) * SECONDS * 1000);
    });
}
