/** What one can do during a call. */
import type { ReactNode, RefObject } from "react";
import { Button, Toolbar } from "react-aria-components";
import { useFullScreen } from "../design/full_screen";
import {
  CameraIcon, CameraOffIcon, FlipIcon, FullScreenIcon, HangUpIcon, HoldIcon, MessageIcon, MicrophoneIcon, MutedIcon, PictureIcon, SettingsIcon, SmallScreenIcon,
} from "../design/icons";
import { preferences } from "../preferences";
import { say } from "../words/words";
import { useDevices } from "./devices";
import type { Face } from "./face";
import { isSilent } from "./face";
import type { StageActions } from "./stage";
import "./control.css";

interface ControlsProps {
  face: Face;
  actions: StageActions;
  openEquipment(): void;
}

export function Controls({ face, actions, openEquipment }: ControlsProps) {
  const { microphone, camera } = face;
  const { cameras } = useDevices();
  const silent = isSilent(face);
  const flip = () => {
    const now = face.localVideo?.getSettings().deviceId ?? preferences().camera;
    const next = cameras[(cameras.findIndex((one) => one.deviceId === now) + 1) % cameras.length];
    const handheld = matchMedia("(pointer: coarse)").matches;
    const other = preferences().facing === "user" ? "environment" : "user";
    actions.choose("video", handheld ? { camera: "", facing: other } : { camera: next?.deviceId ?? "" });
  };
  return (
    <Toolbar aria-label={say("Call controls")} className="controls">
      {!silent && (
        <>
          <Control name={microphone ? say("Mute") : say("Unmute")} off={!microphone} onPress={() => actions.set({ audio: !microphone, video: camera })}>
            {microphone ? <MicrophoneIcon /> : <MutedIcon />}
          </Control>
          <Control
            name={camera ? say("Turn camera off") : say("Turn camera on")}
            off={!camera}
            disabled={!face.cameraAllowed && !camera}
            onPress={() => actions.set({ audio: microphone, video: !camera })}
          >
            {camera ? <CameraIcon /> : <CameraOffIcon />}
          </Control>
        </>
      )}
      {!silent && camera && cameras.length > 1 && (
        <Control name={say("Switch camera")} onPress={flip}>
          <FlipIcon />
        </Control>
      )}
      {face.mayHold && face.state !== "held" && (
        <Control name={say("Hold")} onPress={actions.hold}>
          <HoldIcon />
        </Control>
      )}
      <Control name={say("Sound and picture")} onPress={openEquipment}>
        <SettingsIcon />
      </Control>
      <Button className="control hang-up" aria-label={say("Hang up")} onPress={actions.hangUp}>
        <HangUpIcon />
      </Button>
    </Toolbar>
  );
}

interface CornersProps {
  stage: RefObject<HTMLElement | null>;
  /** The other person's picture, where there is one. */
  picture: RefObject<HTMLVideoElement | null> | undefined;
  minimise(): void;
  unread: boolean;
}

/** Where the call is shown: here, on the whole screen, in a window of its own, or in a corner beside the thread. */
export function Corners({ stage, picture, minimise, unread }: CornersProps) {
  const full = useFullScreen() !== null;
  const toggle = () => void (full ? document.exitFullscreen() : stage.current?.requestFullscreen())?.catch(() => undefined);
  const leave = () => {
    if (full) void document.exitFullscreen().catch(() => undefined);
    minimise();
  };
  return (
    <div className="corners">
      {picture !== undefined && document.pictureInPictureEnabled && (
        <Corner name={say("Picture in picture")} onPress={() => void picture.current?.requestPictureInPicture().catch(() => undefined)}>
          <PictureIcon />
        </Corner>
      )}
      {document.fullscreenEnabled && (
        <Corner name={full ? say("Leave full screen") : say("Full screen")} onPress={toggle}>
          {full ? <SmallScreenIcon /> : <FullScreenIcon />}
        </Corner>
      )}
      <Corner name={say("Show the messages")} onPress={leave}>
        <MessageIcon />
        {unread && <span className="corner-dot" aria-hidden="true" />}
      </Corner>
    </div>
  );
}

function Corner({ name, onPress, children }: { name: string; onPress(): void; children: ReactNode }) {
  return (
    <Button className="corner" aria-label={name} onPress={onPress}>
      {children}
      <span className="control-tip below" aria-hidden="true">
        {name}
      </span>
    </Button>
  );
}

interface ControlProps {
  name: string;
  off?: boolean;
  disabled?: boolean;
  onPress(): void;
  children: ReactNode;
}

function Control({ name, off, disabled, onPress, children }: ControlProps) {
  return (
    <Button className="control" aria-label={name} data-off={off ?? false} isDisabled={disabled ?? false} onPress={onPress}>
      {children}
      <span className="control-tip" aria-hidden="true">
        {name}
      </span>
    </Button>
  );
}
