/** What a call says to the server, in the words of the contract. */
import { create } from "@bufbuild/protobuf";
import type { Call, Description, Relay } from "../gen/ringline/v1/client_pb";
import { DescriptionSchema, MediaState } from "../gen/ringline/v1/client_pb";
import { KindsSchema } from "../gen/ringline/v1/types_pb";
import type { Answered, Body } from "../line/commands";
import type { Described } from "../media/peer";
import type { Wanted } from "./consents";

const COMMAND_MS = 15_000;
/** A word that ends a call, or silences it, is worth saying as long as the call could live. */
const LAST_WORD_MS = 60_000;

export interface SpeechOutside {
  command(body: Body, patienceMs: number): Promise<Answered>;
  post(body: Body): void;
  warn(what: string): void;
}

export class Speech {
  /**
   * @param callId the call that is spoken of; "" before it has an id
   * @param heard an answer brought the call as it is now
   */
  constructor(
    private readonly outside: SpeechOutside,
    private readonly callId: () => string,
    private readonly heard: (view: Call) => void,
  ) {}

  /** Rejects with Refused. */
  async place(username: string, { audio, video }: Wanted): Promise<Call | undefined> {
    const kinds = create(KindsSchema, { audio, video });
    const value = { $typeName: "ringline.v1.Place", username, kinds, binding: new Uint8Array() } as const;
    const answer = await this.outside.command({ case: "place", value }, COMMAND_MS);
    return answer.case === "done" ? answer.value.call : undefined;
  }

  /** Rejects with Refused. */
  async answer({ audio, video }: Wanted, offer: Described | undefined): Promise<void> {
    const kinds = create(KindsSchema, { audio, video });
    const value = { $typeName: "ringline.v1.Answer", callId: this.callId(), kinds, binding: new Uint8Array() } as const;
    const described = offer === undefined ? {} : { description: description(offer) };
    await this.command({ case: "answer", value: { ...value, ...described } });
  }

  /** @param waits it waits behind another call of this device, where it is not rung aloud */
  ringing(waits: boolean): void {
    this.outside.post({ case: "ringing", value: { $typeName: "ringline.v1.Ringing", callId: this.callId(), waits } });
  }

  decline(): void {
    const value = { $typeName: "ringline.v1.Decline", callId: this.callId(), everywhere: true } as const;
    this.lastWord({ case: "decline", value });
  }

  hangUp(): void {
    this.lastWord({ case: "hangUp", value: { $typeName: "ringline.v1.HangUp", callId: this.callId() } });
  }

  /** Rejects with Refused. */
  async hold(on: boolean): Promise<void> {
    const value = { $typeName: "ringline.v1.Hold", callId: this.callId(), on } as const;
    await this.command({ case: "hold", value }, LAST_WORD_MS);
  }

  /** Rejects with Refused. */
  async setMedia({ audio, video }: Wanted): Promise<void> {
    const kinds = create(KindsSchema, { audio, video });
    await this.command({ case: "setMedia", value: { $typeName: "ringline.v1.SetMedia", callId: this.callId(), kinds } });
  }

  flowing(): void {
    this.report(MediaState.FLOWING);
  }

  failed(): void {
    this.report(MediaState.FAILED);
  }

  describe(described: Described): void {
    const value = { $typeName: "ringline.v1.Describe", callId: this.callId(), description: description(described) } as const;
    this.lastWord({ case: "describe", value });
  }

  candidates(generation: number, candidates: Uint8Array[]): void {
    const value = { $typeName: "ringline.v1.AddCandidates", callId: this.callId(), generation, candidates } as const;
    this.outside.post({ case: "addCandidates", value });
  }

  /** Undefined where there are none to be had now. */
  async renewRelay(): Promise<Relay | undefined> {
    const value = { $typeName: "ringline.v1.RenewRelay", callId: this.callId() } as const;
    const answer = await this.command({ case: "renewRelay", value }).catch(() => undefined);
    return answer?.case === "relay" ? answer.value : undefined;
  }

  private report(state: MediaState): void {
    this.lastWord({ case: "report", value: { $typeName: "ringline.v1.Report", callId: this.callId(), state } });
  }

  private lastWord(body: Body): void {
    this.command(body, LAST_WORD_MS).catch((error: unknown) => this.outside.warn(String(error)));
  }

  private async command(body: Body, patienceMs = COMMAND_MS): Promise<Answered> {
    const answer = await this.outside.command(body, patienceMs);
    if (answer.case === "done" && answer.value.call !== undefined) this.heard(answer.value.call);
    return answer;
  }
}

function description(described: Described): Description {
  return create(DescriptionSchema, described as never);
}
