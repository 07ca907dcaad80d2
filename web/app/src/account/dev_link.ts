/** `make dev` prints links that sign in: `#dev=username:password`. A fragment is in no request and in no log. */

export interface DevLink {
  username: string;
  password: string;
}

/** Takes the fragment out of the address, so that it is neither bookmarked nor shared. */
export function devLink(): DevLink | undefined {
  const found = /^#dev=([^:]+):(.+)$/.exec(location.hash);
  if (found === null) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  const [, username = "", password = ""] = found;
  return { username: decodeURIComponent(username), password: decodeURIComponent(password) };
}
