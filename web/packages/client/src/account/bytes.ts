/** Base64url without padding (RFC 4648, section 5), as JSON carries bytes here. */
export function b64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Random characters of [A-Za-z0-9_-]: 24 of them carry 144 bits. */
export function token(bytes = 18): string {
  return b64url(crypto.getRandomValues(new Uint8Array(bytes)));
}
