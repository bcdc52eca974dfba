import { EventEmitter } from 'node:events'
import modbusSerial from 'modbus-serial'
import { expect, it } from 'vitest'
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
  const client = new modbusSerial.default(new LatePort([45, 30]))
  await new Promise<void>((resolve) => client.open(() => resolve()))
  client.setID(7)
  client.setTimeout(30)
  await expect(client.readHoldingRegisters(100, 2)).rejects.toThrow(/time/i)
  const { data } = await client.readHoldingRegisters(200, 2)
  expect(data).toEqual([100, 101])
})
