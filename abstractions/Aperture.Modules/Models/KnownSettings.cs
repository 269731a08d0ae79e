namespace Aperture.Models;

/// <summary>The settings in the files of published checkpoints, a list by kind of file.</summary>
public static class KnownSettings
{
    private static readonly IReadOnlyDictionary<string, SettingsList> _lists
        = SettingsList.Read(typeof(KnownSettings).Assembly, "Aperture.Models.settings.txt");

    /// <summary>What every configuration may have, nested ones too.</summary>
    public static SettingsList Any { get; } = _lists["any"];

    /// <summary><c>config.json</c> of a LLaVA.</summary>
    public static SettingsList Config { get; } = _lists["config"].With(Any);

    /// <summary><c>text_config</c>.</summary>
    public static SettingsList Text { get; } = _lists["text"].With(Any);

    /// <summary><c>vision_config</c>.</summary>
    public static SettingsList Vision { get; } = _lists["vision"].With(Any);

    /// <summary><c>generation_config.json</c>.</summary>
    public static SettingsList Generation { get; } = _lists["generation"];

    /// <summary><c>preprocessor_config.json</c>, and what <c>processor_config.json</c> nests.</summary>
    public static SettingsList Pictures { get; } = _lists["pictures"];

    /// <summary><c>processor_config.json</c>.</summary>
    public static SettingsList Processor { get; } = _lists["processor"];

    /// <summary><c>tokenizer_config.json</c>.</summary>
    public static SettingsList Tokenizer { get; } = _lists["tokenizer"];

    /// <summary><c>adapter_config.json</c>.</summary>
    public static SettingsList Adapter { get; } = _lists["adapter"];

    /// <summary><c>unet/config.json</c> of a diffusion model.</summary>
    public static SettingsList UNet { get; } = _lists["unet"];

    /// <summary><c>vae/config.json</c> of a diffusion model.</summary>
    public static SettingsList Autoencoder { get; } = _lists["autoencoder"];

    /// <summary><c>text_encoder/config.json</c> of a diffusion model.</summary>
    public static SettingsList ClipText { get; } = _lists["clip_text"].With(Any);

    /// <summary><c>scheduler/scheduler_config.json</c> of a diffusion model.</summary>
    public static SettingsList Scheduler { get; } = _lists["scheduler"];

    /// <summary><c>params.json</c> beside LLaMA in Meta's layout.</summary>
    public static SettingsList MetaLlama { get; } = _lists["meta_llama"];
}
