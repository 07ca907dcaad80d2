/** What fills the screen hides the rest of the page: what must be seen then has to be drawn inside of it. */
import { useSyncExternalStore } from "react";

/** The element that fills the screen; null while none does. */
export function useFullScreen(): Element | null {
  return useSyncExternalStore(follow, () => document.fullscreenElement);
}

function follow(changed: () => void): () => void {
  document.addEventListener("fullscreenchange", changed);
  return () => document.removeEventListener("fullscreenchange", changed);
}
