// The engine behind a WebSocket: the native server.

import type { Engine, Events, Figure, Frame, Json, Projection } from "./types";

/** Connects to the server that sent this page, and connects again whenever it was lost. */
export function connect(events: Events): Engine {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  let socket: WebSocket | undefined;

  const open = () => {
    socket = new WebSocket(`ws://${location.host}/ws?token=${encodeURIComponent(token)}`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => (typeof data === "string" ? text(data) : binary(data as ArrayBuffer));
    socket.onclose = () => {
      events.connected(false);
      setTimeout(open, 1000);
    };
  };

  const text = (data: string) => {
    // The server is ours, and each type has one shape.
    const { type, ...message } = JSON.parse(data);
    switch (type) {
      case "hello":
        events.connected(true);
        return events.hello(message);
      case "valid":
        return events.valid(message.seq, message.spec, message.warnings, message.cost);
      case "invalid":
        return events.invalid(message.seq, message.findings);
      case "scene":
        return events.scene(message);
      case "activity":
        return events.activity(message);
      case "cell":
        return events.cell(message);
      case "kinetics":
        return events.kinetics(message.values);
      case "jobs":
        return events.jobs(message.jobs);
      case "error":
        return events.error(message.message);
    }
  };

  const binary = (buffer: ArrayBuffer) => {
    const length = new DataView(buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    if (header.type === "tour") {
      const pixels = new Float32Array(buffer, 4 + length);
      let at = 0;
      for (const panel of header.panels) {
        if (panel.kind !== "image") continue;
        const size = panel.shape[0] * panel.shape[1];
        panel.data = pixels.subarray(at, at + size);
        at += size;
      }
      events.tour(header as Figure);
    } else if (header.type === "projection") {
      events.projection({ ...header, data: new Float32Array(buffer, 4 + length) } as Projection);
    } else {
      events.frame({ ...header, data: new Uint8Array(buffer, 4 + length) } as Frame);
    }
  };

  const send = (message: { [key: string]: Json | object }) => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };

  open();
  return {
    show: (seq, spec, view) => send({ type: "show", seq, spec, view }),
    cell: (unit) => send({ type: "cell", unit }),
    tour: (seq, chapter, values) => send({ type: "tour", seq, chapter, values }),
    kinetics: (t_peak_s, fwhm_s) => send({ type: "kinetics", t_peak_s, fwhm_s }),
    generate: (spec, order) => send({ type: "generate", spec, order }),
    cancel: (job) => send({ type: "cancel", job }),
    tidy: () => send({ type: "tidy" }),
  };
}
