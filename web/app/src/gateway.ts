/** The gateway that served this page. */
import { Rest } from "@ringline/client";

export const rest = new Rest("", (url, init) => fetch(url, init));
