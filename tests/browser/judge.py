"""What a person really receives, read from the browser below the application: samples, frames, packets."""

WATCH = """
(() => {
  const Real = window.RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Real {
    constructor(...all) { super(...all); window.connections.push(this); }
  };
  // A steady tone is what noise suppression and echo cancellation are made to remove.
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (wanted) => {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    return ask(wanted.audio ? { ...wanted, audio: { ...wanted.audio, ...plain } } : wanted);
  };
})();
"""
"""Runs before the page: keeps every connection within reach, and leaves the microphone's sound as it is."""

HEARD = """
async () => {
  const stream = document.querySelector('audio[data-remote="audio"]')?.srcObject;
  const path = connections.at(-1)?.connectionState ?? 'none';
  if (!stream) return { hertz: 0, level: -200, path };
  if (window.ear?.stream !== stream) {
    const context = window.ear?.context ?? new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
    const source = context.createMediaStreamSource(stream);
    source.connect(analyser);
    window.ear = { stream, context, analyser, source };
  }
  const { context, analyser } = window.ear;
  void context.resume();
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  let best = 0;
  for (let n = 1; n < bins.length; n++) if (bins[n] > bins[best]) best = n;
  const level = Number.isFinite(bins[best]) ? bins[best] : -200;
  return { hertz: best * context.sampleRate / analyser.fftSize, level, path };
}
"""
"""The loudest frequency in what the other person's microphone sends, in hertz, its level in decibel, and how
the connection is."""

RECORDED = """
async () => {
  const stream = document.querySelector('audio[data-remote="audio"]')?.srcObject;
  if (!stream) return { hertz: 0, level: -200 };
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.onstart = () => setTimeout(() => recorder.stop(), 800);
  recorder.start();
  await stopped;
  const bytes = await new Blob(parts).arrayBuffer();
  if (bytes.byteLength === 0) return { hertz: 0, level: -200 };
  const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes);
  const samples = sound.getChannelData(0).slice(-sound.sampleRate / 4);
  let rises = 0;
  let power = 0;
  for (let n = 1; n < samples.length; n++) {
    if (samples[n - 1] < 0 && samples[n] >= 0) rises++;
    power += samples[n] * samples[n] / samples.length;
  }
  return { hertz: rises * sound.sampleRate / samples.length, level: 10 * Math.log10(power + 1e-20) };
}
"""
"""The same as HEARD for a browser whose sound needs a sound card: records, and counts the waves."""

RECEIVED = """
async () => {
  const sum = { audio: 0, video: 0, frames: 0, sent_frames: 0, lost: 0, sent_audio: 0, sent_video: 0 };
  sum.connections = connections.length;
  for (const one of connections) {
    for (const report of (await one.getStats()).values()) {
      if (report.type === 'inbound-rtp') {
        sum[report.kind] += report.packetsReceived ?? 0;
        sum.frames += report.framesDecoded ?? 0;
        sum.lost += Math.max(0, report.packetsLost ?? 0);
      }
      if (report.type === 'outbound-rtp') {
        sum['sent_' + report.kind] += report.packetsSent ?? 0;
        sum.sent_frames += report.framesSent ?? 0;
      }
    }
  }
  return sum;
}
"""
"""Packets and frames of all connections of the page so far."""

PASSED = f"""
async () => {{
  const count = {RECEIVED.strip()};
  const before = await count();
  await new Promise((resolve) => setTimeout(resolve, 1200));
  const after = await count();
  const more = (name) => after[name] - before[name];
  return {{ sent: more('sent_audio') + more('sent_video'), received: more('audio') + more('video') }};
}}
"""
"""Packets of sound and picture that passed in a little more than a second, in all connections of the page."""

PATHS = """
async () => {
  const found = [];
  for (const one of connections) {
    const reports = await one.getStats();
    for (const report of reports.values()) {
      if (report.type !== 'candidate-pair' || !report.nominated || report.state !== 'succeeded') continue;
      const [local, remote] = [reports.get(report.localCandidateId), reports.get(report.remoteCandidateId)];
      found.push([local.candidateType, remote.candidateType]);
    }
  }
  return found;
}
"""
"""The kinds of the candidates of each path in use: [local, remote]."""

SHOWN = """
() => {
  const video = document.querySelector('video[data-remote="video"]');
  return video === null ? 0 : video.videoWidth * (video.readyState >= 2 ? 1 : 0);
}
"""
"""The width of the other person's picture on the screen; 0 where there is none."""

SPEAKER = """
(() => {
  window.speaker = { loud: false, strikes: 0, peak: 0, started: 0, piled: 0, clock: 0 };
  const ears = new Map();
  const samples = new Float32Array(4096);
  const loudest = (ear) => {
    ear.getFloatTimeDomainData(samples);
    return samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0);
  };
  setInterval(() => {
    const running = [...ears.keys()].filter((context) => context.state === 'running');
    const peak = Math.max(0, ...running.map((context) => loudest(ears.get(context))));
    const loud = peak > 0.003;
    if (loud && !speaker.loud) speaker.strikes++;
    const clock = Math.max(0, ...[...ears.keys()].map((context) => context.currentTime));
    Object.assign(speaker, { loud, clock, peak: Math.max(peak, speaker.peak) });
  }, 40);
  const Real = window.AudioContext;
  window.AudioContext = class extends Real {
    constructor(...all) {
      super(...all);
      ears.set(this, new AnalyserNode(this, { fftSize: samples.length }));
    }
  };
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    const ear = ears.get(this.context);
    if (ear && to instanceof AudioDestinationNode) connect.call(this, ear);
    return connect.call(this, to, ...rest);
  };
  const start = AudioScheduledSourceNode.prototype.start;
  AudioScheduledSourceNode.prototype.start = function (...when) {
    speaker.started++;
    if (this.context.state !== 'running') speaker.piled++;
    return start.apply(this, when);
  };
})();
"""
"""Runs before the page: listens to what it sends to the speaker. `strikes`: how often silence ended;
`started`: sounds that were begun, heard or not, and `piled` of them while the browser held them back;
`clock`: how many seconds its sound has run."""
