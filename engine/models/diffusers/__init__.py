"""The second backend: any text-to-image model of diffusers' AutoPipeline, with the same guards."""
