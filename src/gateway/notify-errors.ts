import { failWith } from '../core/index.ts'

/** Why somebody could not be told. What it was about waits and is told later. */
export const notifyFailure = failWith({
  NOTIFY_ADDRESS: {
    recovery: 'retry',
    hint: 'messages go to public addresses; name a private or local one under `allow` of the webhook if it is meant',
  },
  NOTIFY_NAME: { recovery: 'retry', hint: 'the name has no address: check the url, and the name server of this machine' },
  NOTIFY_UNREACHED: { recovery: 'retry', hint: 'the server does not answer: check url, firewall and certificate' },
  NOTIFY_SLOW: {
    recovery: 'retry',
    hint: 'the server took the message and did not answer in time: it should answer first and work afterwards',
  },
  NOTIFY_REFUSED: {
    recovery: 'retry',
    hint: 'the server answered with this status: see its log; redirects are not followed, name the last address',
  },
  NOTIFY_BROKER: { recovery: 'retry', hint: 'GET /api/v1/brokers says how the broker is' },
})
