/**
 * A browser holds sound back until somebody does something on the page: with a finger, a mouse or a key. A finger counts
 * when it is lifted.
 */
const GESTURES = ["pointerdown", "pointerup", "keydown"] as const;

/** @returns what ends it */
export function onGesture(work: () => void): () => void {
  for (const gesture of GESTURES) addEventListener(gesture, work, { capture: true });
  return () => {
    for (const gesture of GESTURES) removeEventListener(gesture, work, { capture: true });
  };
}
