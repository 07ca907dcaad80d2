/** Why this page is not connected and will not be by itself, and what somebody can do about it. */
import type { LineEnd } from "@ringline/client";
import { Button } from "react-aria-components";
import type { Message } from "./words/words";
import { say } from "./words/words";
import "./end.css";

const SENTENCES: Record<Exclude<LineEnd, "signed-out">, Message> = {
  replaced: "Ringline is open in another tab, which has taken over. Here nothing arrives and nobody can call.",
  outdated: "This page is out of date. Reload it to go on.",
  denied: "This page may not connect from this address.",
};

export function EndNote({ end, takeOver }: { end: LineEnd; takeOver(): void }) {
  if (end === "signed-out") return null; // the page is about to go to the door
  return (
    <div className="end-note" role="alert">
      <p>{say(SENTENCES[end])}</p>
      {end === "replaced" && (
        <Button className="button" onPress={takeOver}>
          {say("Use it here")}
        </Button>
      )}
      {end === "outdated" && (
        <Button className="button" onPress={() => location.reload()}>
          {say("Reload the page")}
        </Button>
      )}
    </div>
  );
}
