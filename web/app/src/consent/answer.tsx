/** Whether somebody could ring now, and why. It has its place before it is known. */
import type { Preview } from "@ringline/client";
import { Button } from "react-aria-components";
import { say } from "../words/words";
import { outcome, outcomeOfKind, why } from "./reasons";
import "./consent.css";

interface AnswerProps {
  preview: Preview | undefined;
  failed: boolean;
  again(): void;
}

export function Answer({ preview, failed, again }: AnswerProps) {
  return (
    <div className="whether" data-rings={preview?.rings} aria-live="polite" aria-busy={preview === undefined && !failed}>
      {failed ? (
        <>
          <b>{say("Whether this would ring could not be checked.")}</b>
          <Button className="link" onPress={again}>
            {say("Try again")}
          </Button>
        </>
      ) : (
        <>
          <b>
            <Dot rings={preview?.rings} /> {preview === undefined ? say("Looking…") : outcome(preview)}
          </b>
          <span>{preview === undefined ? "\u00a0" : why(preview.reason, preview.rings)}</span>
        </>
      )}
    </div>
  );
}

/** The same in one line, of anybody of a kind. */
export function KindLine({ preview, welcome, id }: { preview: Preview | undefined; welcome: boolean; id: string }) {
  return (
    <span className="kind-line" id={id} data-rings={preview?.rings}>
      {preview !== undefined && <Dot rings={preview.rings} />}
      {preview === undefined ? "\u00a0" : outcomeOfKind(preview, welcome)}
    </span>
  );
}

function Dot({ rings }: { rings: boolean | undefined }) {
  return <span className="rings-dot" data-rings={rings} aria-hidden="true" />;
}
