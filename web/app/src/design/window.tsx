/** A page beside the list of people: a head with its title, and what is in it. */
import type { ReactNode } from "react";
import { Button } from "react-aria-components";
import { say } from "../words/words";
import { BackIcon } from "./icons";
import "./window.css";

export function Back({ back }: { back(): void }) {
  return (
    <Button className="icon-button back" aria-label={say("Back")} onPress={back}>
      <BackIcon />
    </Button>
  );
}

export function Window({ title, back, children, aside }: { title: string; back(): void; children: ReactNode; aside?: ReactNode }) {
  return (
    <main className="window" aria-label={title}>
      <header className="window-head">
        <Back back={back} />
        <div className="window-who">
          <h1>{title}</h1>
        </div>
        {aside}
      </header>
      {children}
    </main>
  );
}

/** A page with nothing on it but a few words, and what one may do then. */
export function Plain({ title, children, ways }: { title: string; children: ReactNode; ways?: ReactNode }) {
  return (
    <div className="plain-page">
      <h2>{title}</h2>
      <p className="quiet">{children}</p>
      {ways !== undefined && <div className="plain-ways">{ways}</div>}
    </div>
  );
}

export function Again({ again }: { again(): void }) {
  return (
    <Button className="button plain" onPress={again}>
      {say("Try again")}
    </Button>
  );
}
