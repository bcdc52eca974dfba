import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandFailed, complain } from './output.ts'

/** A line of standard input; on a terminal it is not shown. */
const hiddenLine = (prompt: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const isTerminal = process.stdin.isTTY
    if (isTerminal) process.stderr.write(prompt)
    const nowhere = new Writable({ write: (_text, _encoding, done) => done() })
    const lines = createInterface({ input: process.stdin, output: nowhere, terminal: isTerminal })
    let isTyped = false
    lines.once('line', (line) => {
      isTyped = true
      lines.close()
      resolve(line)
    })
    lines.once('close', () => {
      if (isTerminal) complain('')
      if (!isTyped) reject(new CommandFailed('no password was typed'))
    })
  })

/** Asks for a new password: twice on a terminal; otherwise the first line of standard input is it. */
export const newPassword = async (): Promise<string> => {
  const password = await hiddenLine('New password: ')
  if (process.stdin.isTTY && (await hiddenLine('Once more: ')) !== password)
    throw new CommandFailed('the two passwords differ; nothing was changed, the link still works')
  return password
}
