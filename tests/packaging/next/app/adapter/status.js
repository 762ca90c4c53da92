"use client";
import { useEffect } from "react";
import { useAuth } from "sessionmint/react";

export function Status() {
  const { status } = useAuth();
  useEffect(() => {
    if (status !== "unknown") document.title = status;
  }, [status]);
  return <p>{status}</p>;
}
