/** One's own picture: in a corner, and in another one where it is in the way. */
import type { KeyboardEvent, PointerEvent } from "react";
import { useRef, useState } from "react";
import { usePreferences } from "../preferences";
import { say } from "../words/words";
import { Picture } from "./media";

interface Corner {
  top: boolean;
  left: boolean;
}

const ARROWS: Partial<Record<string, Partial<Corner>>> = {
  ArrowUp: { top: true },
  ArrowDown: { top: false },
  ArrowLeft: { left: true },
  ArrowRight: { left: false },
};

export function SelfView({ track }: { track: MediaStreamTrack }) {
  const [corner, setCorner] = useState<Corner>({ top: false, left: false });
  const [drag, setDrag] = useState({ x: 0, y: 0 });
  const from = useRef<{ x: number; y: number } | undefined>(undefined);
  const { facing } = usePreferences();
  const down = (event: PointerEvent<HTMLElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    from.current = { x: event.clientX, y: event.clientY };
  };
  const move = (event: PointerEvent) => {
    if (from.current !== undefined) setDrag({ x: event.clientX - from.current.x, y: event.clientY - from.current.y });
  };
  const up = (event: PointerEvent<HTMLElement>) => {
    const stage = event.currentTarget.parentElement?.getBoundingClientRect();
    if (from.current !== undefined && stage !== undefined && Math.hypot(drag.x, drag.y) > 8) {
      setCorner({ top: event.clientY < stage.top + stage.height / 2, left: event.clientX < stage.left + stage.width / 2 });
    }
    from.current = undefined;
    setDrag({ x: 0, y: 0 });
  };
  const press = (event: KeyboardEvent) => {
    const to = ARROWS[event.key];
    if (to === undefined) return;
    event.preventDefault();
    setCorner({ ...corner, ...to });
  };
  return (
    <div
      className="self"
      role="group"
      aria-label={say("Your own video. The arrow keys move it")}
      tabIndex={0}
      data-top={corner.top}
      data-left={corner.left}
      data-dragged={from.current !== undefined}
      style={{ transform: `translate(${drag.x}px, ${drag.y}px)` }}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={up}
      onKeyDown={press}
    >
      <Picture track={track} mine mirrored={facing === "user"} label={say("Your own video")} />
    </div>
  );
}
