import { explain } from '../core/index.ts'
import { fail } from './errors.ts'
import type { MqttSubscriptionState } from './mqtt-types.ts'
import { mqttPackage } from './packages.ts'

const LONGEST = 65_535

/** Why a filter is none, null when it is one. @source MQTT 3.1.1, 4.7 topic names and filters */
export const filterFault = (filter: string): string | null => {
  if (filter === '') return 'it is empty'
  if (filter.includes('\0')) return 'it has a NUL in it'
  if (Buffer.byteLength(filter) > LONGEST) return `it is longer than ${LONGEST} bytes`
  return mqttPackage().validateTopic(filter) ? null : '+ stands for one whole level, # for the rest and stands last'
}

/** Why a topic is none, null when it is one. @source MQTT 3.1.1, 4.7.1.1 and 4.7.3 */
export const topicFault = (topic: string): string | null =>
  /[+#]/.test(topic) ? 'a topic to publish to has no + and no #' : filterFault(topic)

/** What one connection has to ask of the broker. */
export interface SubscriptionPlan {
  /** In the broker's form, `$share/group/filter` where it is shared. */
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
}

/** What the broker answered to one connection, by filter. */
type Grants = Map<string, { readonly granted: boolean; readonly reason: string | null }>

/** The filters that are wanted, those that a session may still hold, and what each connection was granted. */
export class Subscriptions {
  readonly #prefix: string
  #wanted: readonly string[] = []
  readonly #known = new Set<string>()
  readonly #grants = new Map<number, Grants>()

  /** @param share  group of the shared subscription, null = not shared */
  constructor(share: string | null) {
    this.#prefix = share === null ? '' : `$share/${share}/`
  }

  want(filters: readonly string[], before: readonly string[], share: string): void {
    this.#wanted = [...new Set(filters)]
    // A session of ours may have them alone or shared: the number of connections is configuration, too.
    for (const filter of [...filters, ...before]) this.#known.add(filter).add(`$share/${share}/${filter}`)
    for (const grants of this.#grants.values())
      for (const filter of grants.keys()) if (!this.#wanted.includes(filter)) grants.delete(filter)
  }

  /** A connection is up: nothing is granted to it yet. */
  open(connection: number): void {
    this.#grants.set(connection, new Map())
  }

  close(connection: number): void {
    this.#grants.delete(connection)
  }

  plan(connection: number): SubscriptionPlan {
    const grants = this.#grants.get(connection)
    const sound = this.#wanted.filter((filter) => filterFault(filter) === null)
    const wanted = new Set(sound.map((filter) => this.#prefix + filter))
    return {
      subscribe: sound.filter((filter) => !grants?.get(filter)?.granted).map((filter) => this.#prefix + filter),
      unsubscribe: [...this.#known].filter((filter) => !wanted.has(filter) && filterFault(filter) === null),
    }
  }

  /** The broker's answer to one filter. @source MQTT 3.1.1, 3.9.3; MQTT 5, 3.9.3: 0x80 and above refuse */
  answered(connection: number, asked: string, code: number, text: string): void {
    const filter = asked.slice(this.#prefix.length)
    if (!this.#wanted.includes(filter)) return
    const reason =
      code >= 0x80
        ? explain(fail('MQTT_SUBSCRIBE', `the broker refuses ${JSON.stringify(asked)}: ${text}`, { filter, reason: code }).error)
        : code === 0
          ? 'granted with QoS 0 only: messages that come while we are away are lost'
          : null
    this.#grants.get(connection)?.set(filter, { granted: code < 0x80, reason })
  }

  state(): readonly MqttSubscriptionState[] {
    return this.#wanted.map((filter) => {
      const fault = filterFault(filter)
      if (fault !== null) {
        const { error } = fail('MQTT_SUBSCRIBE', `${JSON.stringify(filter)} is no filter: ${fault}`, { filter })
        return { filter, granted: false, refused: true, reason: explain(error) }
      }
      const answers = [...this.#grants.values()].map((grants) => grants.get(filter))
      const granted = answers.length > 0 && answers.every((answer) => answer?.granted === true)
      const reason = (answers.find((answer) => answer?.granted === false) ?? answers.find((answer) => answer?.reason))?.reason ?? null
      const refused = answers.some((answer) => answer?.granted === false)
      return { filter, granted, refused, reason: reason ?? (granted ? null : 'the broker has not answered yet') }
    })
  }
}
