/** Which microphone, camera and speaker, and whether they work: before a call, and during one. */
import type { Capture, Captured, Problem } from "@ringline/client";
import { DeviceCapture } from "@ringline/client";
import { useEffect, useRef, useState } from "react";
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useFullScreen } from "../design/full_screen";
import { CloseIcon } from "../design/icons";
import { prefer, preferences, usePreferences } from "../preferences";
import type { Message } from "../words/words";
import { say } from "../words/words";
import { useDevices } from "./devices";
import { problemSentence } from "./face";
import type { DeviceChoice, Kind } from "./kind";
import { Picture } from "./media";
import { playTest } from "./speaker";
import "../design/sheet.css";
import "./equipment.css";

interface EquipmentDialogProps {
  close(): void;
  /** Takes another device in a call. */
  choose?(kind: Kind, choice: DeviceChoice): void;
  /** In a call the devices are in use already, and one's picture is on the stage. */
  inCall?: boolean;
  camera?: boolean;
  capture?: Capture;
}

export function EquipmentDialog({ close, choose = (_, choice) => prefer(choice), inCall, camera, capture }: EquipmentDialogProps) {
  const { microphone, camera: chosenCamera } = usePreferences();
  const wanted: Kind[] = inCall === true ? [] : ["audio", "video"];
  const { tracks, problems } = useProbe(capture, wanted, `${microphone} ${chosenCamera}`);
  const full = useFullScreen();
  return (
    <ModalOverlay className="sheet-overlay" isOpen isDismissable onOpenChange={(open) => open || close()} {...(full instanceof HTMLElement && { UNSTABLE_portalContainer: full })}>
      <Modal className="sheet">
        <Dialog className="sheet-dialog equipment">
          <Button className="icon-button sheet-close" aria-label={say("Close")} onPress={close}>
            <CloseIcon />
          </Button>
          <Heading slot="title" className="equipment-title">
            {say("Sound and picture")}
          </Heading>
          {inCall !== true && (
            <div className="equipment-mirror">
              {tracks.video === undefined ? <p>{say("No picture")}</p> : <Picture track={tracks.video} mine mirrored label={say("Your own video")} />}
            </div>
          )}
          {problems.map((one) => (
            <p key={one.kind} className="notice">
              {checkSentence(one)}
            </p>
          ))}
          {inCall !== true && <Level track={tracks.audio} />}
          <Pickers asked={tracks} choose={choose} showCamera={inCall !== true || camera === true} />
          <Button className="button plain" onPress={() => playTest(preferences().speaker)}>
            {say("Play a test sound")}
          </Button>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function checkSentence(problem: Problem): string {
  const { kind, why } = problem;
  if (why === "missing") return kind === "audio" ? say("No microphone was found.") : say("No camera was found.");
  return problemSentence(problem);
}

type Tracks = Partial<Record<Kind, MediaStreamTrack>>;

/** Microphone and camera for as long as the dialog is open. */
function useProbe(capture: Capture | undefined, kinds: Kind[], again: string): Captured {
  const [found, setFound] = useState<Captured>({ tracks: {}, problems: [] });
  useEffect(() => {
    if (kinds.length === 0) return;
    let gone = false;
    let tracks: Tracks = {};
    const stop = () => Object.values(tracks).forEach((track) => track.stop());
    const show = (captured: Captured) => {
      tracks = captured.tracks;
      if (gone) stop();
      else setFound(captured);
    };
    void (capture ?? new DeviceCapture(preferences)).get(kinds).then(show, () => undefined);
    return () => {
      gone = true;
      stop();
    };
  }, [again]);
  return found;
}

/** How loud the microphone hears one. */
function Level({ track }: { track: MediaStreamTrack | undefined }) {
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (track === undefined) return;
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 512 });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
      bar.current?.style.setProperty("--level", String(Math.min(1, Math.sqrt(power) * 5)));
    }, 60);
    return () => {
      clearInterval(timer);
      void context.close();
    };
  }, [track]);
  return (
    <div className="equipment-level">
      <span>{say("Say something: the bar moves when your microphone hears you.")}</span>
      <div ref={bar} className="level-bar" aria-hidden="true" />
    </div>
  );
}

interface PickersProps {
  asked: Tracks;
  showCamera: boolean;
  choose(kind: Kind, choice: DeviceChoice): void;
}

function Pickers({ asked, showCamera, choose }: PickersProps) {
  const { microphones, cameras, speakers } = useDevices(asked);
  const { microphone, camera, speaker } = usePreferences();
  return (
    <div className="pickers">
      <Picker name="Microphone" devices={microphones} value={microphone} choose={(id) => choose("audio", { microphone: id })} />
      {showCamera && <Picker name="Camera" devices={cameras} value={camera} choose={(id) => choose("video", { camera: id })} />}
      {speakers.length > 0 && <Picker name="Speaker" devices={speakers} value={speaker} choose={(id) => prefer({ speaker: id })} />}
    </div>
  );
}

interface PickerProps {
  name: Message;
  devices: MediaDeviceInfo[];
  value: string;
  choose(deviceId: string): void;
}

function Picker({ name, devices, value, choose }: PickerProps) {
  const there = devices.some((one) => one.deviceId === value);
  return (
    <label className="picker">
      <span>{say(name)}</span>
      <select value={there ? value : ""} onChange={(event) => choose(event.target.value)}>
        <option value="">{say("Automatic")}</option>
        {devices
          .filter((one) => one.deviceId !== "default")
          .map((one, index) => (
            <option key={one.deviceId} value={one.deviceId}>
              {one.label === "" ? `${say(name)} ${index + 1}` : one.label}
            </option>
          ))}
      </select>
    </label>
  );
}
