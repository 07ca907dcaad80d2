/** Where the page is: three places need no library. */
import { useSyncExternalStore } from "react";

export type Route = { at: "home" } | { at: "person"; username: string } | { at: "settings" };

export function parse(path: string): Route {
  if (path === "/settings") return { at: "settings" };
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
