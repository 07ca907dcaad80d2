/** What somebody calls with. */
export type Kind = "audio" | "video";
