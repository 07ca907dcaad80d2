/** The frame: people on the left, what is open on the right; one of the two on a phone. */
import type { ReactNode } from "react";
import { say } from "./words/words";
import "./shell.css";

export function Shell({ sidebar, open, children }: { sidebar: ReactNode; open: boolean; children: ReactNode }) {
  return (
    <div className="shell" data-open={open}>
      {sidebar}
      <div className="shell-main">{children}</div>
    </div>
  );
}

export function NothingOpen() {
  return (
    <main className="nothing-open">
      <div className="nothing-mark" aria-hidden="true" />
      <h1>{say("Call anyone by @username")}</h1>
      <p className="quiet">{say("Choose somebody on the left, or type a username. Then press the phone or the camera.")}</p>
    </main>
  );
}
