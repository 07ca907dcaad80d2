/** Somebody calls: a dialog on whatever page the person is. */
import type { CSSProperties } from "react";
import { useState } from "react";
import { Button, Dialog, Heading, Modal, ModalOverlay, Switch } from "react-aria-components";
import { Avatar, hueOf, Name } from "../design/avatar";
import { AnswerIcon, HangUpIcon, VerifiedIcon } from "../design/icons";
import { Track } from "../design/box";
import { useFullScreen } from "../design/full_screen";
import { say } from "../words/words";
import type { Face } from "./face";
import { ringWords } from "./others";
import "./ring.css";

export interface RingActions {
  answer(wanted: { audio: boolean; video: boolean }): void;
  decline(): void;
}

export function RingDialog({ face, actions }: { face: Face; actions: RingActions }) {
  const [withCamera, setWithCamera] = useState(true);
  const full = useFullScreen();
  const { peer, askedVideo } = face;
  const title = ringWords(face);
  const style = { "--hue": hueOf(peer.username) } as CSSProperties;
  return (
    <ModalOverlay className="ring-overlay" isOpen isKeyboardDismissDisabled {...(full instanceof HTMLElement && { UNSTABLE_portalContainer: full })}>
      <Modal className="ring" style={style}>
        <Dialog className="ring-dialog">
          <Heading slot="title" className="hidden-text">
            {title}
          </Heading>
          <div className="ring-avatar">
            <Avatar person={peer} size={104} />
          </div>
          <p className="ring-name">
            <Name person={peer} /> {peer.verified && <VerifiedIcon />}
          </p>
          <p className="ring-kind">
            {peer.display_name !== "" && <bdi>@{peer.username}</bdi>}
            {peer.display_name !== "" && " · "}
            {askedVideo ? say("Video call") : say("Audio call")}
          </p>
          {askedVideo && (
            <Switch className="switch ring-switch" isSelected={withCamera} onChange={setWithCamera}>
              <Track />
              {say("Show my video")}
            </Switch>
          )}
          <div className="ring-buttons">
            <Button className="ring-button decline" onPress={actions.decline}>
              <span className="ring-disc">
                <HangUpIcon />
              </span>
              {say("Decline")}
            </Button>
            <Button
              className="ring-button answer"
              autoFocus
              onPress={() => actions.answer({ audio: true, video: askedVideo && withCamera })}
            >
              <span className="ring-disc">
                <AnswerIcon />
              </span>
              {say("Answer")}
            </Button>
          </div>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
