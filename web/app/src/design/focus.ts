/**
 * Whoever uses the keyboard keeps their place. What has the focus may go away, or be switched off, under their hands: then
 * what it stood in has it, the nearest that is still there.
 */
import type { RefObject } from "react";
import { useEffect } from "react";

const PLACES = '[role="dialog"], section, form, nav, main';

let held: Element | undefined;
let around: HTMLElement[] = [];

/** Nothing that somebody could use has the focus. */
export function isFocusLost(): boolean {
  const now = document.activeElement;
  return now === null || now === document.body || !isThere(now);
}

function isThere(element: Element): boolean {
  return element.isConnected && !element.matches(":disabled") && element.checkVisibility();
}

function focusOn(place: HTMLElement): void {
  // -1: a script reaches it, Tab does not.
  if (!place.hasAttribute("tabindex")) place.tabIndex = -1;
  place.focus({ preventScroll: true });
}

function giveBack(to: Element | null | undefined): void {
  if (to instanceof HTMLElement && isThere(to) && isFocusLost()) to.focus({ preventScroll: true });
}

/** For what takes the place of the page: has the focus when it comes, and gives it back when it goes. */
export function useFocusWhileThere(place: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const before = held;
    if (place.current !== null) focusOn(place.current);
    return () => giveBack(before);
  }, []);
}

/** For what stands beside the page: gives the focus back to where it came from. */
export function useFocusGivenBack(place: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = place.current;
    let before: EventTarget | null = null;
    const enter = ({ relatedTarget }: FocusEvent) => {
      if (!(relatedTarget instanceof Node && element?.contains(relatedTarget))) before = relatedTarget;
    };
    element?.addEventListener("focusin", enter);
    return () => {
      element?.removeEventListener("focusin", enter);
      giveBack(before instanceof Element ? before : undefined);
    };
  }, []);
}

/** @returns what ends it */
export function keepFocus(): () => void {
  let standIn: Element | undefined;
  const remember = () => {
    if (document.activeElement === standIn) return; // nobody went there
    standIn = undefined;
    held = document.activeElement ?? undefined;
    around = [];
    for (let at = held?.parentElement; at; at = at.parentElement) if (at.matches(PLACES)) around.push(at);
  };
  const look = (wasLost: boolean) => {
    soon = undefined;
    if (held === undefined || isThere(held) || !isFocusLost()) return;
    // A look that was due already for another change may be too early for what gives the focus back by itself.
    if (!wasLost) return lookSoon(true);
    const others = document.querySelectorAll<HTMLElement>("main, nav");
    const place = [...around, ...others].find(isThere);
    if (place === undefined) return;
    standIn = place;
    focusOn(place);
  };
  let soon: number | undefined;
  const lookSoon = (wasLost: boolean) => {
    soon = requestAnimationFrame(() => (soon = requestAnimationFrame(() => look(wasLost))));
  };
  const changed = () => {
    // A dialog that closes, and what comes in the place of something, see to the focus themselves: they come first.
    if (soon === undefined) lookSoon(false);
  };
  const watcher = new MutationObserver(changed);
  watcher.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
  document.addEventListener("focusin", remember);
  return () => {
    watcher.disconnect();
    if (soon !== undefined) cancelAnimationFrame(soon);
    document.removeEventListener("focusin", remember);
  };
}
