/** Calls that did not ring, of the user who is signed in. */
import type { Session } from "@ringline/client";
import { Consent } from "@ringline/client";
import { useMemo } from "react";
import { SilentCalls } from "../consent/silent";

export default function SilentPage({ session, back }: { session: Session; back(): void }) {
  const consent = useMemo(() => new Consent(session), [session]);
  return <SilentCalls consent={consent} setBlocked={(username, blocked) => session.setBlocked(username, blocked)} back={back} />;
}
