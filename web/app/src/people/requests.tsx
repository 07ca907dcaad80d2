/** What people wrote who are not known here: without a sound, until it is looked at. */
import { Plain, Window } from "../design/window";
import { say } from "../words/words";
import { ConversationRow } from "./row";
import type { Row } from "./rows";

export function Requests({ rows, loading, back }: { rows: Row[]; loading: boolean; back(): void }) {
  return (
    <Window title={say("Requests")} back={back}>
      {rows.length === 0 && loading ? (
        <p className="plain-page quiet">{say("Loading…")}</p>
      ) : rows.length === 0 ? (
        <Plain title={say("No requests")}>{say("When somebody you do not know writes to you, it is shown here, without a sound.")}</Plain>
      ) : (
        <div className="page">
          <p className="quiet">{say("They do not learn whether you have seen it. Writing back accepts a request.")}</p>
          <ul className="card-list" aria-label={say("Requests")}>
            {rows.map((row) => (
              <li key={row.peer.user_id}>
                <ConversationRow row={row} chosen={false} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </Window>
  );
}
