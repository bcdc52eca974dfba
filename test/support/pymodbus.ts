import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const SCRIPT = fileURLToPath(new URL('./pymodbus-server.py', import.meta.url))

/** Starts a foreign Modbus server (pymodbus) whose registers hold these words; gives its port. It ends with the test. */
export const startPymodbus = (words: Readonly<Record<number, readonly number[]>>, framing: 'tcp' | 'rtu' | 'ascii'): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn('/usr/bin/python3', [SCRIPT, JSON.stringify(words), framing], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    const gone = new Promise<void>((done) => child.once('exit', () => done()))
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await gone
    })
    child.stdout.on('data', (text: Buffer) => {
      said += text
      const port = /^(\d+)$/m.exec(said)?.[1]
      if (port) resolve(Number(port))
    })
    child.stderr.on('data', (text: Buffer) => {
      said += text
    })
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`pymodbus ended with ${code}: ${said}`)))
  })
