"use client";
import { useEffect } from "react";
import { createTokenManager } from "sessionmint/slim";
import { show } from "../../../show.js";

const wasm = () => fetch(new URL("sessionmint/sessionmint.wasm", import.meta.url));

export default function Page() {
  useEffect(() => void show(createTokenManager, { wasm }), []);
  return <p>{createTokenManager({ iam: "https://api.example.com/iam", wasm }).state}</p>;
}
