import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { ClientFrame } from "../gen/ringline/v1/client_pb";
import { DoneSchema } from "../gen/ringline/v1/client_pb";
import { Reason, RefusalSchema } from "../gen/ringline/v1/reasons_pb";
import type { Body } from "./commands";
import { Commands, Refused } from "./commands";

const hangUp: Body = { case: "hangUp", value: { $typeName: "ringline.v1.HangUp", callId: "c_1" } };
const done = { case: "done", value: create(DoneSchema, {}) } as const;
const refusal = (reason: Reason) => create(RefusalSchema, { reason });

function desk() {
  const sent: ClientFrame[] = [];
  const line = { open: true };
  let minted = 0;
  const commands = new Commands(
    (frame) => line.open && sent.push(frame) > 0,
    () => `command-${++minted}`,
  );
  const last = () => sent.at(-1)?.id ?? 0n;
  return { commands, sent, line, last };
}

describe("commands", () => {
  it("go out again with the same key on a new connection", async () => {
    const { commands, sent, last } = desk();
    const answer = commands.ask(hangUp, 0, 1000);
    commands.resend();
    expect(sent.map((frame) => frame.commandId)).toEqual(["command-1", "command-1"]);
    expect(sent[0]?.id).not.toBe(sent[1]?.id);
    commands.answered(last(), done);
    expect(await answer).toEqual(done);
    expect(commands.size).toBe(0);
  });

  it("wait for a line that is not open", async () => {
    const { commands, sent, line, last } = desk();
    line.open = false;
    const answer = commands.ask(hangUp, 0, 1000);
    expect(sent).toHaveLength(0);
    line.open = true;
    commands.resend();
    commands.answered(last(), done);
    await answer;
  });

  it("are tried again where the server was only busy, and end where it said no", async () => {
    const { commands, sent, last } = desk();
    const answer = commands.ask(hangUp, 0, 10_000);
    commands.refused(last(), refusal(Reason.OVERLOADED), 0);
    commands.tick(100);
    expect(sent).toHaveLength(1);
    commands.tick(500);
    expect(sent.map((frame) => frame.commandId)).toEqual(["command-1", "command-1"]);
    commands.refused(last(), refusal(Reason.CALL_ENDED), 600);
    await expect(answer).rejects.toMatchObject({ reason: Reason.CALL_ENDED });
  });

  it("end with all that the server says of why", async () => {
    const { commands, last } = desk();
    const place = commands.ask(hangUp, 0, 10_000);
    commands.refused(last(), create(RefusalSchema, { reason: Reason.LIMITED, retryAfterMs: 7000, budget: "pair" }), 0);
    await expect(place).rejects.toMatchObject({ reason: Reason.LIMITED, retryAfterMs: 7000, budget: "pair", missing: "" });
    const video = commands.ask(hangUp, 0, 10_000);
    commands.refused(last(), create(RefusalSchema, { reason: Reason.NOT_ENTITLED_VIDEO, missing: "plus" }), 0);
    await expect(video).rejects.toMatchObject({ reason: Reason.NOT_ENTITLED_VIDEO, missing: "plus", budget: "" });
  });

  it("do not wait for ever", async () => {
    const { commands } = desk();
    const answer = commands.ask(hangUp, 0, 1000);
    commands.tick(1000);
    await expect(answer).rejects.toBeInstanceOf(Refused);
  });

  it("ignore replies that belong to nobody", async () => {
    const { commands, last } = desk();
    const answer = commands.ask(hangUp, 0, 1000);
    commands.answered(99n, done);
    expect(commands.size).toBe(1);
    commands.answered(last(), done);
    await answer;
  });
});
