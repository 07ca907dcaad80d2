/** A part of the page that is loaded later, or that breaks: the rest goes on, and this says so. */
import type { ReactNode } from "react";
import { Component, Suspense } from "react";
import { Button } from "react-aria-components";
import { say } from "../words/words";
import { Plain } from "./window";

/** A sheet over the page: nothing stands in its place until it is there. */
export class LaterSheet extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return <Suspense fallback={null}>{this.props.children}</Suspense>;
    return (
      <div role="alert" className="end-note">
        <p>{say("This part of the page could not be loaded")}</p>
        <Button className="button plain" onPress={() => location.reload()}>
          {say("Reload")}
        </Button>
      </div>
    );
  }
}

/** `aside` is shown as well where the part broke: what somebody must be able to do all the same */
export class Later extends Component<{ children: ReactNode; aside?: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return <Suspense fallback={<section className="window" aria-busy="true" />}>{this.props.children}</Suspense>;
    const ways = (
      <Button className="button plain" onPress={() => location.reload()}>
        {say("Reload")}
      </Button>
    );
    return (
      <>
        <section className="window" role="alert">
          <Plain title={say("This part of the page could not be loaded")} ways={ways}>
            {say("Check your connection, then reload the page. A call goes on.")}
          </Plain>
        </section>
        {this.props.aside}
      </>
    );
  }
}
