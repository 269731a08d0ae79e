namespace Aperture.Models;

/// <summary>A setting that published checkpoints have.</summary>
/// <param name="Use">What becomes of it.</param>
/// <param name="Note">Of a harmless one why it is; of a refused one the values, joined by commas, that ask for nothing.</param>
public sealed record KnownSetting(SettingUse Use, string Note);
