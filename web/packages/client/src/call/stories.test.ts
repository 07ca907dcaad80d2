/** Replays tests/vectors/calls, the stories that the server's tests replay too: see tests/vectors/README.md. */
import { readdirSync, readFileSync } from "node:fs";
import { fromJson } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CallSchema, Role } from "../gen/ringline/v1/client_pb";
import type { Input, State } from "./table";
import { step } from "./table";
import { classify, statusOf } from "./view";

interface Step {
  by: string;
  does: Record<string, JsonObject> | string;
  refused?: string;
  shows?: Record<string, JsonObject>;
  reads?: Record<string, string>;
}
interface Story {
  story: string;
  given: { asks: JsonObject; lines: string[] };
  steps: Step[];
}

const FOLDER = new URL("../../../../../tests/vectors/calls/", import.meta.url);
const VERBS: Record<string, Input> = { answer: "user.answer", decline: "user.decline", hangUp: "user.hang_up" };

/** One line's screen. */
class Screen {
  state: State = "new";
  private view: JsonObject;
  private consented = false;

  constructor(
    private readonly role: "ROLE_CALLER" | "ROLE_CALLEE",
    asked: JsonObject,
  ) {
    const caller = role === "ROLE_CALLER";
    this.view = { callId: "c_1", role, phase: "PHASE_CALLING", here: caller, asked, ringLeftMs: 45_000 };
    if (caller) {
      this.take("user.place");
      this.consented = true;
    }
    this.see({});
  }

  see(part: JsonObject): void {
    this.view = { ...this.view, ...part };
    this.take(classify(fromJson(CallSchema, this.view), this.consented));
  }

  does(verb: string, body: JsonObject, refused: boolean): void {
    const input = inputOf(verb, body);
    if (input === undefined) return;
    const allowed = this.take(input);
    if (refused) this.take("refused");
    else if (input === "user.answer" && allowed) {
      this.consented = true;
      this.view["here"] = true;
    }
  }

  get reads(): string {
    const call = fromJson(CallSchema, this.view);
    if (this.state === "incoming") return `Incoming ${call.asked?.video === true ? "video" : "audio"} call`;
    const role = this.role === "ROLE_CALLER" ? Role.CALLER : Role.CALLEE;
    return statusOf(this.state, role, call.phase, call.ending, call.peerHolds);
  }

  private take(input: Input): boolean {
    const next = step(this.state, input);
    this.state = next.state;
    return !next.ignored;
  }
}

function inputOf(verb: string, body: JsonObject): Input | undefined {
  if (verb === "report") return body["state"] === "MEDIA_STATE_FLOWING" ? "media.flowing" : "media.failed";
  if (verb === "hold") return body["on"] === true ? "user.hold" : "user.resume";
  return VERBS[verb];
}

function replay(story: Story): void {
  const screens = new Map<string, Screen>();
  const screen = (line: string): Screen => {
    const known = screens.get(line);
    if (known !== undefined) return known;
    const made = new Screen(line.startsWith("ada.") ? "ROLE_CALLER" : "ROLE_CALLEE", story.given.asks);
    screens.set(line, made);
    return made;
  };
  for (const [number, one] of story.steps.entries()) {
    if (typeof one.does !== "string" && one.by !== "server") {
      for (const [verb, body] of Object.entries(one.does)) screen(one.by).does(verb, body, one.refused !== undefined);
    }
    for (const [line, part] of Object.entries(one.shows ?? {})) screen(line).see(part);
    for (const [line, words] of Object.entries(one.reads ?? {})) {
      expect(screen(line).reads, `step ${number + 1}, ${line}`).toBe(words);
    }
  }
}

describe("the stories of calls", () => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".json"))) {
    const story = JSON.parse(readFileSync(new URL(file, FOLDER), "utf-8")) as Story;
    it(story.story, () => replay(story));
  }
});
