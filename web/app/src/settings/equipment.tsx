/** The way to the check of microphone, camera and speaker. */
import type { Capture } from "@ringline/client";
import { useState } from "react";
import { Button } from "react-aria-components";
import { captureFor } from "../capture";
import { EquipmentDialog } from "../call/equipment";
import { say } from "../words/words";

export function Equipment({ username }: { username: string }) {
  const [capture, setCapture] = useState<Capture | undefined>(undefined);
  const open = () => void captureFor(username).then(setCapture, () => undefined);
  return (
    <section className="settings-group" aria-label={say("Microphone and camera")}>
      <h2 className="settings-title">{say("Microphone and camera")}</h2>
      <div className="settings-card">
        <div className="settings-row">
          <span className="settings-words">
            {say("See and hear yourself before you call")}
            <span className="quiet">{say("Nothing leaves this device.")}</span>
          </span>
          <Button className="button plain small" onPress={open}>
            {say("Check")}
          </Button>
        </div>
      </div>
      {capture !== undefined && <EquipmentDialog close={() => setCapture(undefined)} capture={capture} />}
    </section>
  );
}
