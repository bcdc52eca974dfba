import type { MqttEnd, MqttListener, MqttSettings } from '../transport/index.ts'
import { openMqtt } from '../transport/index.ts'

export interface RetiredOptions {
  readonly name: string
  /** Those of the source, but for the client id. */
  readonly settings: MqttSettings
  readonly clientId: string
  readonly listener: Pick<MqttListener, 'message' | 'oversize'>
  /** Everything that it may have subscribed. */
  readonly filters: readonly string[]
  readonly emptied: () => void
}

/** A session that was silent for so long, with everything acknowledged, is empty. */
const SILENT_MS = 10_000
/** A message that could not be stored is asked for again within this time. */
const COMES_AGAIN_MS = 40_000

/** A session (会话) of a former configuration: messages lie in it, and a share of new ones goes there. It is taken over, and gets no more. */
export const retire = ({ name, settings, clientId, listener, filters, emptied }: RetiredOptions): MqttEnd => {
  let heardAt = performance.now()
  const heard = async <T>(message: T, take: (message: T) => Promise<boolean>): Promise<boolean> => {
    heardAt = performance.now()
    const isSafe = await take(message)
    // It comes again after a pause; only then may the session be forgotten.
    if (!isSafe) heardAt = performance.now() + COMES_AGAIN_MS
    return isSafe
  }
  const end = openMqtt(
    name,
    { ...settings, clientId, connections: 1 },
    {
      message: (delivery) => heard(delivery, listener.message),
      oversize: (message) => heard(message, listener.oversize),
    },
  )
  end.subscribe([], filters)
  const watch = setInterval(() => {
    const [connection] = end.state().connections
    if (connection?.state !== 'up' || connection.inFlight > 0) heardAt = Math.max(heardAt, performance.now())
    if (performance.now() - heardAt < SILENT_MS) return
    clearInterval(watch)
    void end.close()
    emptied()
  }, 1000)
  watch.unref()
  return end
}
