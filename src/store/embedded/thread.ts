import type { Worker } from 'node:worker_threads'
import { AnsweringThread, type AnswerPort, type Answers, answerQuestions, type Questions } from '../../core/thread.ts'
import { fail, isStoreError, type StoreError, storeErrorOf } from './errors.ts'

/**
 * One thread of a store.
 *
 * @param name  for errors: what the thread does, and where
 * @errors      STORE_SLOW, STORE_WORKER, and whatever the thread answers
 */
export const storeThread = <Asked extends Questions<Asked>>(
  name: string,
  start: () => Worker,
  log: (error: StoreError) => void,
): AnsweringThread<Asked, StoreError> =>
  new AnsweringThread<Asked, StoreError>({
    ...{ name, start, log },
    failures: { slow: (message) => fail('STORE_SLOW', message), ended: (message) => fail('STORE_WORKER', message) },
  })

/**
 * Answers a {@link storeThread}.
 *
 * @param file  named in errors that name none themselves
 */
export const serveStore = <Asked extends Questions<Asked>>(port: AnswerPort, file: string, start: () => Answers<Asked>): void =>
  answerQuestions(port, (thrown) => (isStoreError(thrown) ? thrown : storeErrorOf(thrown, file)), start)
