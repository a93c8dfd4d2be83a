"""The second backend: any text-to-image model diffusers' AutoPipeline knows, with the same guards."""
