/** The one status element of the page. */
import { useEffect, useState } from "react";
import { say } from "../words/words";
import type { Face } from "./face";

export function CallStatus({ face }: { face: Face }) {
  const running = face.status === "Connected" && face.connectedAt !== undefined;
  return (
    <p role="status" className="call-status" data-state={face.state}>
      {say(face.status)}
      {running && face.connectedAt !== undefined && <Clock since={face.connectedAt} />}
    </p>
  );
}

/** A timer is not a live region: nobody wants to hear every second read out. */
function Clock({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return (
    <span role="timer" className="clock">
      {" "}
      {duration(now - since)}
    </span>
  );
}

export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${hours > 0 ? two(Math.floor(seconds / 60) % 60) : Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}
