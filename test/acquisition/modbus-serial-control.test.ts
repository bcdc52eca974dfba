import { EventEmitter } from 'node:events'
import modbusSerial from 'modbus-serial'
import { expect, it, vi } from 'vitest'
import { answerTo } from '../support/address-meter.ts'

/** A port in memory, of the form `modbus-serial` accepts. */
class LatePort extends EventEmitter {
  isOpen = true
  readonly #delays: number[]

  constructor(delays: readonly number[]) {
    super()
    this.#delays = [...delays]
  }

  open(callback: (error?: Error) => void): void {
    callback()
  }

  close(callback?: (error?: Error) => void): void {
    callback?.()
  }

  write(request: Buffer): void {
    const answer = Buffer.from(answerTo(request))
    setTimeout(() => this.emit('data', answer), this.#delays.shift() ?? 1)
  }
}

it('shows that the late-reply test can fail: a client without line discipline returns the answer of the request before', async () => {
  vi.useFakeTimers()
  try {
    const client = new modbusSerial.default(new LatePort([45, 30]))
    client.open(() => {})
    client.setID(7)
    client.setTimeout(30)
    const first = client.readHoldingRegisters(100, 2).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(31)
    expect(await first).toMatchObject({ name: expect.stringMatching(/time/i) })
    const second = client.readHoldingRegisters(200, 2)
    await vi.advanceTimersByTimeAsync(60)
    expect((await second).data).toEqual([100, 101])
  } finally {
    vi.useRealTimers()
  }
})
