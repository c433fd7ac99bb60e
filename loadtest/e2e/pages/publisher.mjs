// A streamer: ffmpeg sending generated, numbered pictures and a tone over RTMP.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { burnIn, fps } from './picture.mjs'

export class Publisher {
  constructor(url) {
    this.process = spawn('ffmpeg', [
      '-hide_banner', '-loglevel', 'error', '-re', '-f', 'lavfi', '-i', `testsrc2=size=1280x720:rate=${fps},${burnIn}`, '-f', 'lavfi', '-i', 'sine=frequency=440',
      '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '60', '-b:v', '2500k', '-pix_fmt', 'yuv420p', '-c:a', 'aac',
      '-f', 'flv', url,
    ], { stdio: ['ignore', 'ignore', 'pipe'] })
    this.errors = ''
    this.process.stderr.on('data', (chunk) => (this.errors += chunk))
    this.ended = once(this.process, 'exit')
  }

  /** Ends the stream: "SIGINT" says goodbye to the server, "SIGKILL" does not. */
  async stop(signal = 'SIGINT') {
    this.process.kill(signal)
    await this.ended
  }
}
