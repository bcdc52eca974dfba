// A thread of the tests: it adds numbers up, and fails in every way to order.
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'

const { module, directory, refusesWhile, first } = workerData
const { answerQuestions } = await import(module)
const lock = `${directory}/lock`

answerQuestions(
  parentPort,
  (thrown) => ({ code: 'FILE', message: thrown instanceof Error ? thrown.message : String(thrown) }),
  () => {
    if (existsSync(refusesWhile)) throw new Error('the disk is full')
    if (existsSync(lock)) throw new Error('another thread holds it')
    writeFileSync(lock, '')
    let sum = first
    return {
      add: (number) => {
        sum += number
        return sum
      },
      first: () => first,
      bytes: (bytes) => bytes.byteLength,
      fail: (message) => {
        throw new Error(message)
      },
      say: (message) => {
        parentPort.postMessage({ log: { code: 'SAID', message } })
        return null
      },
      hang: (ms) => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
        return null
      },
      die: () => {
        rmSync(lock)
        process.exit(3)
      },
      close: () => {
        rmSync(lock)
        return null
      },
    }
  },
)
