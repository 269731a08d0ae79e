using Aperture.Hub;

namespace Aperture.Host.Tests.Hub;

public class ModelFilesTests
{
    [Fact]
    public void Safetensors_win_over_bin_and_what_a_model_does_not_need_stays_away()
    {
        Assert.Equal(
            ["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json", "tokenizer.json"],
            ModelFiles.Select(
            [
                ".gitattributes", "README.md", "config.json", "tokenizer.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors", "pytorch_model.bin", "consolidated.safetensors", "tf_model.h5", "original/params.json",
            ]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Bin_shards_are_taken_where_there_are_no_safetensors()
    {
        Assert.Equal(
            ["config.json", "mm_projector.bin", "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", "tokenizer.model"],
            ModelFiles.Select(
            [
                "config.json", "mm_projector.bin", "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", "tokenizer.model", "trainer_state.json",
                "training_args.bin",
            ]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_diffusion_pipeline_brings_its_parts()
    {
        Assert.Equal(
            [
                "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json", "text_encoder/model.safetensors", "unet/config.json",
                "unet/diffusion_pytorch_model.safetensors",
            ],
            ModelFiles.Select(
            [
                "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json", "text_encoder/model.safetensors",
                "text_encoder/pytorch_model.bin",
                "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors",
            ]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task An_original_LLaVA_checkpoint_brings_its_vision_tower()
    {
        byte[] weights = FakeHub.Bytes(100);
        using FakeHub hub = new FakeHub()
            .Add("config.json", """{"mm_vision_tower":"org/clip"}""")
            .Add("pytorch_model.bin", weights, isLfs: true)
            .Add("config.json", "{}", repo: "org/clip")
            .Add("pytorch_model.bin", weights, isLfs: true, repo: "org/clip");
        using HubClient client = new(hub.Settings);
        IReadOnlyList<HubSnapshot> snapshots = await client.DownloadModelAsync(HubRepo.Parse("org/model"));
        Assert.Equal(["org/model", "org/clip"], snapshots.Select(s => s.Repo.Id));
        ModelLocator locator = new(client.Cache, []);
        Assert.Equal(snapshots[1].Folder, locator.Resolve("org/clip"));
        Assert.Equal(snapshots[0].Folder, locator.Resolve("org/model@main"));
    }
}
