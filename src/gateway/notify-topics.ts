import { brokerAddress } from '../config/broker-address.ts'
import type { GatewayConfig, Problem } from '../config/index.ts'
import { topicLevel } from '../push/index.ts'
import { couldBring } from './publish-topics.ts'

/** Whether each zone has a topic of its own, so that a broker can keep them apart. */
export const isByZone = (template: string): boolean => template.includes('{zone}')

/** The topic of a message. @param zone  of its cases; null: none, which is `-` */
export const notifyTopic = (template: string, gateway: string, zone: string | null): string =>
  template.replaceAll('{gateway}', () => topicLevel(gateway)).replaceAll('{zone}', () => topicLevel(zone ?? ''))

/**
 * What is wrong with the topics under `notify`: one that a source at the same broker would take in again. It would be taken for a reading, refused as
 * none, and each refusal may be told again, for ever.
 *
 * @param taken  of `takenFilters`
 */
export const notifyProblems = (
  { file, id, mqtt, publish, notify }: Pick<GatewayConfig, 'file' | 'id' | 'mqtt' | 'publish' | 'notify'>,
  taken: ReadonlyMap<string, readonly string[]>,
): readonly Problem[] =>
  notify.mqtt.flatMap(({ id: name, broker, topic }, at) => {
    const target = publish.find((one) => one.id === broker)
    if (!target) return []
    return mqtt
      .filter(({ url }) => brokerAddress(url) === brokerAddress(target.url))
      .flatMap((source): Problem[] => {
        const filter = taken.get(source.id)?.find((one) =>
          couldBring(
            one,
            topic.replaceAll('{gateway}', () => topicLevel(id)),
          ),
        )
        if (filter === undefined) return []
        const message = `of ${name} is ${JSON.stringify(topic)}, and mqtt ${source.id} takes ${JSON.stringify(filter)} in from the same broker: begin the topic with a word that no mapping there asks for`
        return [{ file, line: 1, column: 1, path: `/notify/mqtt/${at}/topic`, message }]
      })
  })
