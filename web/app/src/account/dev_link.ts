/** `make dev` prints links that sign in: `#dev=username:password`. A fragment is in no request and in no log. */
import type { Rest } from "@ringline/client";

export interface DevLink {
  username: string;
  password: string;
}

/** Takes the fragment out of the address at once; heeds it only where the server says that it is for development. */
export async function devLink(rest: Rest): Promise<DevLink | undefined> {
  const found = /^#dev=([^:]+):(.+)$/.exec(location.hash);
  if (found === null) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  if ((await rest.environment()) !== "dev") return undefined;
  const [, username = "", password = ""] = found;
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
}
