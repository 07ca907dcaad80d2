/** Where the page is: a handful of places needs no library. */
import type { MouseEvent } from "react";
import { useSyncExternalStore } from "react";

export type Route =
  | { at: "home" }
  | { at: "person"; username: string }
  | { at: "settings" }
  | { at: "silent" }
  | { at: "calls" }
  | { at: "requests" };

const PLACES: Partial<Record<string, Route>> = {
  "/settings": { at: "settings" },
  "/settings/silent": { at: "silent" },
  "/calls": { at: "calls" },
  "/requests": { at: "requests" },
};

export function parse(path: string): Route {
  const place = PLACES[path];
  if (place !== undefined) return place;
  const person = /^\/@([^/]+)$/.exec(path)?.[1];
  if (person === undefined) return { at: "home" };
  try {
    return { at: "person", username: decodeURIComponent(person) };
  } catch {
    return { at: "home" };
  }
}

export function pathOf(username: string): string {
  return `/@${encodeURIComponent(username.replace(/^@+/, ""))}`;
}

export function go(path: string): void {
  if (path === location.pathname) return;
  history.pushState(null, "", path + location.search);
  dispatchEvent(new PopStateEvent("popstate"));
}

/** For a link inside the page; with a modifier key the browser opens it elsewhere. */
export function follow(path: string): (event: MouseEvent) => void {
  return (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(path);
  };
}

export function useRoute(): Route {
  const path = useSyncExternalStore(
    (changed) => {
      addEventListener("popstate", changed);
      return () => removeEventListener("popstate", changed);
    },
    () => location.pathname,
  );
  return parse(path);
}
