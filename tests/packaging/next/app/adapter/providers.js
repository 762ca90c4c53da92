"use client";
import { createTokenManager } from "sessionmint";
import { AuthProvider } from "sessionmint/react";

const page = typeof location === "undefined" ? "" : location.search;
const auth = createTokenManager({ iam: new URLSearchParams(page).get("iam") ?? "https://api.example.com/iam" });

export function Providers({ children }) {
  return <AuthProvider auth={auth}>{children}</AuthProvider>;
}
