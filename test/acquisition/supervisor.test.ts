import { expect, it, onTestFinished, vi } from 'vitest'
import { fail } from '../../src/acquisition/errors.ts'
import { Supervisor } from '../../src/acquisition/supervisor.ts'
import type { Connection, Transport } from '../../src/transport/index.ts'

/** A far end whose every attempt ends when the test says so. */
const slowTransport = () => {
  const attempts: ((opened: Awaited<ReturnType<Transport['open']>>) => void)[] = []
  const transport: Transport = { name: 'tcp://far', characterMs: 0, open: () => new Promise((resolve) => attempts.push(resolve)) }
  return { transport, attempts }
}

const refused = fail('LINE_DOWN', 'tcp://far refused the connection')
const connection: Connection = { write: () => undefined, close: () => undefined }

it('is down from the first failure until it is up, also while it is tried again', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { transport, attempts } = slowTransport()
  const line = new Supervisor(transport, { bytes: () => undefined, up: () => undefined, down: () => undefined })
  onTestFinished(() => line.close())
  expect(line.state).toBe('idle')
  const first = line.ready()
  expect(line.state).toBe('opening')
  attempts[0]?.(refused)
  await first
  expect(line.state).toBe('down')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(attempts).toHaveLength(2)
  expect(line.state).toBe('down')
  expect(line.why?.code).toBe('LINE_DOWN')
  attempts[1]?.({ ok: true, value: connection })
  await vi.advanceTimersByTimeAsync(0)
  expect(line.state).toBe('up')
  expect(line.why).toBeNull()
})
