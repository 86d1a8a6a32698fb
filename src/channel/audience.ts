import type { Member } from "./member.ts";

/** The live members of a channel, by what they follow: an event costs by those who get it. */
export class Audience {
  /** Those who get everything. */
  readonly #everything = new Set<Member>();
  readonly #withoutTopics = new Set<Member>();
  readonly #withTopics = new Set<Member>();
  readonly #byTopic = new Map<string, Set<Member>>();

  add(member: Member): void {
    if (member.topics) this.#withTopics.add(member);
    else (member.filter ? this.#withoutTopics : this.#everything).add(member);
    for (const topic of member.topics ?? []) {
      const followers = this.#byTopic.get(topic);
      if (followers) followers.add(member);
      else this.#byTopic.set(topic, new Set([member]));
    }
  }

  /** To be called before the member's topics or its filter change. */
  delete(member: Member): void {
    this.#withTopics.delete(member);
    this.#withoutTopics.delete(member);
    this.#everything.delete(member);
    for (const topic of member.topics ?? []) {
      const followers = this.#byTopic.get(topic);
      followers?.delete(member);
      if (followers?.size === 0) this.#byTopic.delete(topic);
    }
  }

  /** Is it live, and gets everything? */
  getsAll(member: Member): boolean {
    return this.#everything.has(member);
  }

  /** Calls back for everybody who gets everything. */
  forEachOfAll(call: (member: Member) => void): void {
    this.#everything.forEach(call);
  }

  /** Calls back for all others who follow the topic; without one, for all others. */
  forEachOther(topic: string | null | undefined, call: (member: Member) => void): void {
    this.#withoutTopics.forEach(call);
    // Databases say `null` of what is absent.
    (topic == null ? this.#withTopics : this.#byTopic.get(topic))?.forEach(call);
  }
}
