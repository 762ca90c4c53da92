"use client";
import { useEffect } from "react";
import { createTokenManager } from "sessionmint/compat";
import { show } from "../../../show.js";

export default function Page() {
  useEffect(() => void show(createTokenManager), []);
  return <p>{createTokenManager({ iam: "https://api.example.com/iam" }).state}</p>;
}
