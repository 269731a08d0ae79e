namespace Aperture.Models;

/// <summary>What becomes of a setting that a checkpoint's file has.</summary>
public enum SettingUse
{
    /// <summary>It is read and acted on.</summary>
    Used,

    /// <summary>It changes no answer.</summary>
    Harmless,

    /// <summary>What it asks for is not done.</summary>
    Refused,
}
